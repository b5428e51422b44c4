"""Names, streets and places of the sample hospital: invented, and drawn so that some are also ordinary or clinical words."""

FAMILY = (
    "Abbott Adeyemi Alvarez Andersson Baker Banerjee Barnes Bauer Becker Bianchi Brandt Campbell Castillo Chen Clarke Costa Cruz "
    "Dalton Diaz Dubois Eriksen Farrell Fischer Flores Foley Garcia Goldberg Gonzalez Graham Gupta Haddad Hansen Hassan Hernandez "
    "Hoffmann Hughes Ibrahim Ivanov Jackson Jansen Jensen Johnson Kaplan Kaya Keller Khan Kim Kowalski Larsen Lee Lopez Martin "
    "Martinez May Meyer Mitchell Moreau Morales Moretti Murphy Nakamura Ndiaye Nguyen Novak O'Brien Okafor Okonkwo Olsen Ortiz "
    "Parker Parkinson Patel Pereira Petrov Popescu Ramirez Reyes Ricci Rivera Rossi Russo Santos Sato Schmidt Silva Singh Smith "
    "Sokolov Suzuki Takahashi Tanaka Taylor Torres Tran Turner Vargas Walker Wang Weber White Wilson Wright Yamamoto Yilmaz Young Zhang"
).split()
GIVEN_F = (
    "Ada Aisha Amelia Ana Anna Beatriz Camille Carmen Clara Daniela Diana Elena Elif Emma Esther Fatima Freya Grace Hana Helena "
    "Ingrid Irene Isabel Jasmine Julia Kavya Laila Laura Leila Lena Lucia Maria Maya Mei Mia Nadia Noor Olga Paula Priya Rosa "
    "Ruth Sara Sofia Sonia Tanya Valentina Vera Yuki Zoe"
).split()
GIVEN_M = (
    "Adam Ahmed Alan Alejandro Amir Andre Anton Arjun Ben Carlos Chinedu Daniel David Diego Elias Emil Eric Felix Francois George "
    "Hamza Hans Henry Hiroshi Hugo Ibrahim Ivan Jack James Jorge Jose Karl Kenji Lars Leo Luca Luis Marco Mark Mateo Miguel Mohamed "
    "Nikolai Noah Omar Oscar Pablo Paul Peter Rafael"
).split()
STREETS = "Alder Birch Cedar Elm Harbor Hill Juniper Lake Maple Meadow Mill Oak Orchard Park Pine River Spring Sycamore".split()
STREET_KINDS = "Street Avenue Road Lane Court".split()
# ZIP codes of areas of more and of fewer than 20,000 people (three-digit areas 021, 010, 902; 036 and 893 are small).
PLACES = (
    ("Boston", "MA", "02115"),
    ("Springfield", "MA", "01103"),
    ("Los Angeles", "CA", "90210"),
    ("Bellows Falls", "VT", "03601"),
    ("Ely", "NV", "89301"),
    ("Cambridge", "MA", "02139"),
)
CLINICIANS = (
    ("Helen", "Marsh", "1093817465"),
    ("Tomas", "Varga", "1184726350"),
    ("Ngozi", "Eze", "1275635249"),
    ("Paul", "Wilson", "1366544138"),
    ("Rita", "Lombardi", "1457453027"),
    ("Sven", "Dahl", "1548362916"),
)
