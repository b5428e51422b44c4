"""The starter map: codes of the sample hospital and of Synthea, with the standard concepts they map to, where no vocabulary is given.

Concept ids and names are facts of the OHDSI standardised vocabularies (Athena), as the sample data of OHDSI Eunomia carries them; those of
vaccines (CVX) were compared with published mappings of OMOP sites. What could not be confirmed is left out and stays unmapped.
"""
