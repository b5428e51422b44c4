"""Words that are names of people and also ordinary or clinical words.

Alone they are left in the text, or a note could not say "long history of Parkinson disease in May"; in the forms of a
full name (`Family, Given`, `Given Family`, a title before it) they are struck out. The list is short on purpose: each
word on it is a name that may stay in a text.
"""

_ORDINARY = """
abbott addison alzheimer and april art august baker ball banks bass bell best bill bird black blood bond bowel brown
burns bush case cook cross crohn cushing day dean down drew early english fall field fish foley foot for free frost
gold good grace grant graves gray green hall hand hardy head heart hill hodgkin holiday holter home hope house hunt
huntington july june king lamb lane law light little long love low major march mark mass may miles mills moon moss
nail new noble north not pace page park parkinson parks pierce poor pope price ray rich rice root rose sands self
sharp short small snow south spring still stone stout street strong sweet temple the trace turner van von wall ward
warm waters weeks wells west white will winter wise wood woods young
"""
_PARTICLES = "aus bin dal das del den der des dos ibn las los mac saint san santa ste van von zur"
_PLACES = "alert beaver best commerce hope independence mobile normal orange peculiar reading"

ORDINARY = frozenset(_ORDINARY.split())
# Particles of names: never an identifier by themselves.
PARTICLES = frozenset(_PARTICLES.split())
# Cities whose name alone says nothing in a clinical text.
ORDINARY_PLACES = frozenset(_PLACES.split())
TITLES = ("mr", "mr.", "mrs", "mrs.", "ms", "ms.", "miss", "dr", "dr.")
