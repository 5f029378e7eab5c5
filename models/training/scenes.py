"""The prose around the facts. `[a|b]` is a choice, `{H}` the hero, `{F}` the friend; `{he} {his} {him} {He} {His}`
are the hero's pronouns, `{fhe} {fhis} {fhim} {fHe}` the friend's. No sentence here says anything a fact says."""

OPENINGS = [
    "Once upon a time there [was|lived] a [kind|brave|clever|quiet|cheerful|curious] {kid} named {H}.",
    "Once upon a time, in a [small|quiet|green|sunny|deep] valley, there lived a [kind|brave|clever|shy|happy] {kid} named {H}.",
    "Once upon a time there was a {kid} [named|called] {H} who [loved long walks|was never bored|asked many questions|loved old tales].",
    "Long ago, [when the winters were long|in a land of hills and rivers|at the edge of a great forest], there lived a {kid} named {H}.",
    "There once was a [little|young|merry] {kid} named {H}.",
    "Many years ago, a [clever|brave|gentle] {kid} named {H} lived [by the sea|near a dark forest|at the foot of a mountain].",
]

FRIENDS = [
    "{H} had a good friend, a {fkid} named {F}.",
    "{His} best friend was a [tall|funny|gentle|brave] {fkid} named {F}.",
    "Next door lived a {fkid} named {F}, and the two were [always together|the best of friends|like one family].",
    "One day {H} met a {fkid} named {F}, and soon they were friends.",
]

THIRDS = [
    "There was also {T}, who [told the best jokes|knew every path|was never in a hurry].",
    "Sometimes {T} came along, too.",
    "Not far away lived {T}, who [made everybody laugh|was a little older|liked to sing].",
    "They often visited {T}, who always had time for them.",
]

SCENES = [
    "[One morning|One day|The next morning] the sun [was shining|rose early|came out], and {H} [ran outside|opened the window|put on {his} boots]. "
    "The air smelled of [grass|rain|flowers]. {He} [called|waited for] {F}, and together they walked [down to the river|up the hill|across the fields]. "
    "They [sang all the way|did not say much|talked about the summer].",

    "[In the afternoon|After lunch|Later that day] it began to rain. {H} and {F} [ran to|hid in|found] an empty [barn|hut|cabin] and waited. "
    "The rain [fell on the roof|drummed on the leaves] for a long time. {F} told a story about [a giant|a lost king|a talking fish], and {H} "
    "[laughed|listened|almost fell asleep]. When the rain stopped, [everything was shining|the birds sang again|the path was full of mud].",

    "On the way home they heard a [small|strange|sad] sound. It was a [young bird|kitten|puppy] that [had lost its mother|was stuck in a bush|was cold and wet]. "
    "\"Do not be afraid,\" said {H}. {He} [picked it up|held it close|gave it some milk], and {F} [looked for its mother|made a warm bed]. "
    "[Soon|After a while] it [was asleep|was happy again|could go home].",

    "That night there was a [great|loud|terrible] storm. The wind [shook the trees|howled like a wolf|pulled at the doors]. {H} could not sleep. "
    "{He} [looked out|thought of {F}|counted to a hundred] and [waited for the morning|held {his} pillow tight]. "
    "At last the storm went away, and [the moon came out|all was quiet].",

    "[One evening|In the evening] there was a feast. People [danced|ate and laughed|sang old songs] until [midnight|the stars came out|nobody could stand]. "
    "{H} [danced with|sat beside] {F}, and they were [very happy|tired and happy]. \"I wish [this day would never end|every day were like this],\" said {F}.",

    "[One winter|When winter came|In the cold month of January] the snow lay deep. {H} and {F} built a [snowman|castle of snow|small house of snow]. "
    "Their hands were [cold|red and cold], but they did not [mind|care]. Afterwards they [drank hot milk|sat by the fire|dried their socks at the fire] and [talked|told stories|watched the flames].",

    "[One day|Then one day] {H} wanted to [see the sea|climb the mountain|walk through the forest]. \"It is a long way,\" said {F}. "
    "\"Then we must start early,\" said {H}. So they [packed some food|took their coats|filled a bottle with water] and went. "
    "The path was [steep|narrow|long and dusty], but [nobody complained|the view was beautiful|they helped each other].",

    "In the forest they lost their way. All the trees looked the same. \"[Are we lost|Where are we]?\" asked {F}. \"[Only a little|I think so|Not for long],\" said {H}. "
    "They followed [a small stream|the song of a bird|the light of the moon], and [soon|before dark|at last] they [saw a road|came to a meadow|found the way back].",

    "An old woman sat [by the road|on a bench|at the crossroads]. She [carried a heavy bag|had lost her stick|was very tired]. {H} [helped her|took her hand|carried her bag], and "
    "{F} [went ahead|told her jokes|opened the gate]. \"You are good children,\" she said. \"[I will not forget it|Good luck will follow you].\"",

    "[The next day|A week later|Some days later] a [stranger|merchant|traveller] came. He had [a long beard|dusty boots|a big hat] and [tired eyes|a friendly voice]. "
    "He told them about [far countries|the great ocean|a city of glass]. {H} [asked a hundred questions|wanted to go there at once|wrote it all down]. "
    "In the morning the [man|visitor] was gone.",

    "{F} was [sad|quiet] that day. \"What is wrong?\" asked {H}. \"[I had a bad dream|I miss my brother|I broke a plate],\" said {F}. "
    "{H} [thought for a while|sat down beside {fhim}|put an arm around {fhim}]. \"[It will be better tomorrow|I will help you|Come, let us take a walk],\" {he} said. "
    "And {F} smiled again.",

    "They [went swimming|swam] in the lake. The water was [cold|clear|warm and still], and small fish [swam around their feet|jumped in the sun]. "
    "{F} could [dive|swim] like a [frog|fish|duck]. {H} [was a little afraid|stayed near the shore|jumped from a rock]. Then they lay in the sun until they were dry.",

    "Once {H} was ill. {He} [had to stay in bed|had a high fever|coughed all night]. Every day {F} came and [read to {him}|sat with {him}|brought {him} flowers]. "
    "After [three days|a week] {H} [got up|felt better], and they [went for a walk|played in the garden|ran outside] as if nothing had happened.",

    "They [wanted to build|built] a [raft|tree house|small dam]. It took [all day|two days|the whole week]. {H} [cut the branches|held the ropes|gave the orders], and {F} "
    "[tied the knots|found the nails|did the rest]. In the end it was [a bit crooked|not very big], but it was theirs, and they were [proud|very proud].",

    "[Late at night|When it was dark] they saw a light [on the hill|between the trees|far away]. \"[What can it be|Do you see that]?\" whispered {F}. "
    "They [crept closer|walked on tiptoe|held hands]. It was only [a fire of some shepherds|an old man with a lamp|the moon on a wet roof]. They [laughed|had to laugh] and went home.",

    "School was [long|not easy] that day. The teacher talked about [rivers|stars|old kings], and {H} [looked out of the window|listened well|drew a dragon]. "
    "{F} knew [every answer|most answers|no answer at all]. After school they [ran|raced] home, and {H} [won|came first|fell into the mud].",

    "In spring the [meadows|fields] were full of [flowers|lambs|colours]. {H} [lay in the grass|picked flowers|watched the clouds go by]. \"I can hear [the grass grow|the bees talk|the river],\" "
    "{he} said. {F} [listened|laughed|shook {fhis} head]. \"I hear [nothing|only my stomach|it, too],\" {fhe} said.",

    "They [went to|visited] the market. There were [carts and horses|loud voices|a hundred smells] and [a man who walked on a rope|a bear that danced|women who sold herbs]. "
    "{H} had only one coin. {He} [thought for a long time|looked at everything] and [gave it to a beggar|kept it|lost it on the way home]. {F} said it was [a good day|well done|just bad luck].",

    "[That summer|All summer long] they [worked in the fields|helped with the harvest|looked after the animals]. It was [hot|hard work], but in the evenings they [sat on the wall|walked barefoot] "
    "and [ate bread|watched the swallows|talked about everything]. \"When we are old,\" said {F}, \"[we will sit here again|we will still be friends].\"",

    "A letter came [one morning|one day]. {H} [opened it with care|read it twice|could hardly wait]. It was from [an aunt|an uncle|an old friend] who lived far away. "
    "\"[Come and visit me|All is well here|I think of you],\" it said. {H} [put it in a drawer|kept it for years|showed it to {F}].",

    "{H} and {F} [had a quarrel|did not agree]. It was about [nothing|a silly thing|who was faster]. For [a day|two days] they did not speak. "
    "Then {H} [knocked at the door|wrote a note|came with a flower]. \"I am sorry,\" {he} said. \"So am I,\" said {F}, and [it was forgotten|they hugged|all was well].",

    "There was [a rumour|talk] of a [ghost|dragon|wild man] in the hills. \"I do not believe it,\" said {H}. \"[I do|Me neither|Let us find out],\" said {F}. They went there [at noon|with a lamp|on a cold day]. "
    "They found [only an owl|an old goat|nothing but stones]. [Still|Even so], they walked home a little faster.",

    "[Autumn came|Then came autumn], and the leaves turned [brown|yellow and red]. {H} and {F} [gathered nuts|collected leaves|made a big heap of leaves] and [jumped into it|laughed|filled two baskets]. "
    "The [evenings|days] grew [shorter|cold], and the [swallows|geese] flew [south|away]. \"They will come back,\" said {H}.",

    "{H} found an old map in the [attic|cellar]. It showed [an island|a hill|a path through the woods] and a [big|red|small] cross. \"[A treasure|That must be gold]!\" cried {F}. "
    "They dug [all day|until evening] and found [a rusty pot|an old boot|nothing but worms]. {H} [laughed|kept the map|sighed], but it had been a [great|good] day.",

    "The [miller|baker|tailor] needed help. {H} [swept the floor|carried sacks|held the ladder], and {F} [watched the shop|fed the horses|cleaned the windows]. "
    "In the evening he gave them [a coin|a loaf|a cake] and said, \"[You may come again|I could not have done it alone|Good work].\"",

    "One night {H} had a [strange|wonderful] dream. {He} could [fly|talk to fish|walk on clouds], and {F} was [a king|a bear|as small as a thumb]. "
    "They [sailed|rode] to [the moon|the end of the world], where [a wise toad|a giant|an old queen] gave them tea. Then a cock crowed, and {H} woke up.",

    "[A fair|A circus|A puppet show] came to the village. {F} [wanted to see it|could hardly wait], and {H} [went along|bought two tickets]. There was [a lion that yawned|a clown who cried|a man who ate fire], "
    "and the people [clapped|shouted|held their breath]. \"I want to [join them|do that, too],\" said {F}. {H} [shook {his} head|only smiled].",

    "The river [rose|was high] after the rain, and the [old bridge|small bridge] was gone. \"[How shall we get across|What now]?\" asked {F}. {H} [looked for a boat|tied two logs together|took off {his} shoes]. "
    "It was [not easy|a little dangerous], but [an hour later|in the end] they stood on the other side, [wet|dripping] and [glad|laughing].",

    "A [fox|wolf|thief] had [come|been seen] in the night, and [two hens were|a sheep was] missing. {H} and {F} [kept watch|hid behind a wall|followed the tracks]. "
    "They waited [until dawn|for hours]. But [nothing happened|all they saw was a hedgehog|both fell asleep], and the thief was never found.",

    "Grandmother [told a story|knew a story] that evening. It was about a [prince who could not laugh|tailor who fooled a giant|girl who married the wind]. {H} [knew it by heart|loved it], "
    "but {F} had never heard it. \"[Again|One more],\" {fhe} said, and Grandmother [smiled|began again|put more wood on the fire].",

    "{H} learned to [ride|skate|swim|whistle]. At first {he} [fell down|failed] [ten times|again and again]. \"[Do not give up|Once more],\" said {F}. "
    "On the [third|last] day it [worked|went well], and {H} [shouted with joy|could not stop]. Since then {he} did it every day.",

    "They found a [hurt|young] [swan|hawk|deer] near the [river|road]. {F} [bound its leg|gave it water], and {H} [built a shelter|stayed with it]. For [three weeks|a month] they [took care of it|brought it food]. "
    "Then, one morning, it [was gone|left], and [both of them were a little sad|they were glad and sad at once].",
]

# Somebody asks for a fact; {Q} is replaced by the questions and their answers.
ASKERS = [
    ("On the road sat an old owl. \"[Answer me|Answer my riddle], and you may pass,\" said the owl.", "asked the owl", "\"[That is right|Very good],\" said the owl, and [flew away|let them pass]."),
    ("A guard stood at the gate. \"[Nobody gets in without an answer|Let me see what you know],\" he said.", "asked the guard", "\"[Right|That is true],\" said the guard and [opened the gate|stepped aside]."),
    ("[In the evening|By the fire] {F} wanted to [play a game|ask questions].", "asked {F}", "{H} and {F} [laughed|were pleased|clapped their hands]."),
    ("The teacher [looked at them|raised a finger]. \"[Who remembers|Now think hard],\" she said.", "asked the teacher", "\"[Well done|Very good],\" said the teacher."),
    ("The ferryman did not want money. \"[An answer is my price|I only want an answer],\" he said.", "asked the ferryman", "\"[So it is|Good],\" said the ferryman, and [took them across|they got into the boat]."),
]

ENDINGS = [
    "So [the days went by|the years passed], and {H} and {F} [stayed friends|were happy] for the rest of their lives.",
    "And if they have not [moved away|grown old], they still [live there today|walk by the river].",
    "[At last|In the end] {H} was home again, and [nothing was better than that|everybody was glad].",
    "{H} [never forgot|often thought of] those days. \"[It was the best time of my life|I would do it all again],\" {he} said.",
    "That night {H} [fell asleep|slept] with a smile, and {F} did, too.",
]
