"""The word lists that stories are filled from. Every list that a fact takes its value from has at least 16
entries and is drawn from uniformly, so that an answer can only be known by having read the story."""

GIRLS = """Mila Anna Ida Nora Ella Lena Clara Rosa Maja Vera Tilda Greta Frida Alma Elsa Hanna Sofie Marta Liv Runa
Ada Juno Selma Dora Iris Olga Petra Wanda Zara Nina Lotte Karin Hedda Birgit Stella Edith Mina Thea Saga Linnea""".split()
BOYS = """Jonas Emil Oskar Finn Leo Nils Otto Theo Max Anton Bruno Felix Hugo Jakob Karl Lars Magnus Noah Olaf Peter
Rolf Simon Tom Viktor Willem Axel Bjorn Casper David Erik Gustav Henrik Ivar Kasper Martin Paul Sven Tobias Ulf Arne""".split()

VILLAGES = """Torvik Velmora Ashford Brindle Cowbridge Dunmore Elmsted Fernhill Grimsby Harrow Ironbeck Jarlow Kestrel
Lindholm Marsten Norwick Oakham Pelling Quarry Ravenna Stonebeck Thornby Ulverton Varnes Westmere Yarrow Zelling
Birkeland Cloverly Dalby Eastwick Foxley""".split()
PET_NAMES = """Pip Rufus Misty Bramble Button Cinder Dusty Ember Fidget Ginger Hazel Inky Jasper Kipper Lucky Muffin
Nibbles Olive Pepper Quill Rusty Socks Tansy Velvet Whiskers Ziggy Biscuit Clover Domino Fern Noodle Thistle""".split()
ANIMALS = "fox dog cat goat pony rabbit raven hen duck donkey lamb mouse".split()
COLOURS = """red blue green yellow white black brown grey orange purple pink silver golden crimson violet
turquoise""".split()
HIDING_PLACES = """under the bridge|in the old mill|behind the red barn|beside the well|inside the hollow oak|under the stone
stairs|in the clock tower|behind the waterfall|below the apple tree|in the hay loft|under a flat rock|in the bakery|behind
the chapel|on the roof|in the boat house|under the bed|inside a clay pot|in the tall grass|near the lighthouse|in the rose
garden|behind the mirror|under the kitchen floor|in the wine cellar|at the harbour|inside the piano|in a bird nest|beside
the frozen pond|in the coal shed|under the market stall|in the long tunnel|behind the bookshelf|at the graveyard
gate""".replace("\n", " ").split("|")
TREASURES = """key ring bell lamp box coin crown spoon mirror whistle compass medal button lantern cup locket map
feather""".split()
GIFTS = """kite drum scarf book knife basket candle blanket hat clock doll flute ladder rope pillow jacket violin telescope
hammer parasol wheel sled brush purse""".split()
FOODS = """plum cake|apple pie|onion soup|cherry jam|warm bread|honey rolls|bean stew|goat cheese|pea soup|ginger biscuits|roast
chestnuts|fried fish|pancakes|dumplings|porridge|carrot cake|lemon tart|mushroom pie|rice pudding|boiled eggs|potato
salad|nut bread|berry juice|pickles""".replace("\n", " ").split("|")
JOBS = """baker miller sailor painter doctor teacher weaver potter hunter shepherd carpenter gardener tailor farmer fisher
builder cook singer dancer writer smith judge pilot farrier""".split()
INSTRUMENTS = """fiddle harp trumpet organ cello lute bagpipe clarinet banjo guitar oboe tuba zither horn tambourine
recorder""".split()
COUNTED = "stars geese boats sheep apples candles windows stones clouds lanterns frogs bees".split()
NUMBERS = """three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen twenty thirty forty fifty sixty seventy eighty""".split()
SECRET_WORDS = """thunder marigold lobster sapphire pumpkin walrus meadow juniper falcon cobweb pebble cinnamon orchid
badger icicle tulip rainbow parrot acorn snowflake dolphin willow nutmeg comet hedgehog lavender otter barley magpie
driftwood saffron beetle""".split()

ONSETS = "b br d dr f fl g gr h j k kr l m n p r s sk st t tr v w z th".split()
VOWELS = "a e i o u".split()
CODAS = ["", "", "l", "n", "r", "s", "k", "m", "rd", "nn"]


def invented(rng):
    """A name nobody has: two syllables. Keeps the model copying what it reads rather than reciting the lists."""
    syllables = [rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS) for _ in range(2)]
    return "".join(syllables).capitalize()
