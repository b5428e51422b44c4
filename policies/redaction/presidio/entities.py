"""What Presidio is asked for. By itself, so that who needs only the names does not load the model."""

ENTITIES = ("PERSON", "LOCATION", "ORGANIZATION", "NRP", "DATE_TIME")
