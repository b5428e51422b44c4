"""Who learned what about whom: found in the sealed lists of persons shown, and by executing recorded questions again."""

from server.disclosures.derive import Derived, Deriver
from server.disclosures.persons import Person, find_person, require_sealing_key
from server.disclosures.who_saw import Sight, sights

__all__ = ["Derived", "Deriver", "Person", "Sight", "find_person", "require_sealing_key", "sights"]
