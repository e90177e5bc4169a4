"""The closed word classes of the command grammar: verbs, prepositions, determiners, politeness.

Everything here is lower-case data; `clauses` and `noun_phrases` hold the rules that use it. A
phrase table maps a tuple of words to a value, and `longest_match` finds the longest entry that
starts at a position.
"""

from __future__ import annotations

from groma_ros.language.word_tables import phrase_table, word_set

DETERMINERS = word_set("the a an this that these those my your his her our their its another one's")
QUANTIFIERS = phrase_table(
    "all|all of|every|every single|every one of|each|each of|each one of|both"
    "|both of|all of the|all instances of|all the instances of|instances of|every instance of",
    "all",
)
QUANTIFIERS |= phrase_table(
    "any|any of|some|some of|several|many|a few|a few of|a couple of|few", "some"
)
ORDINALS = {
    word: number
    for number, forms in enumerate(
        [
            "first 1st",
            "second 2nd",
            "third 3rd",
            "fourth 4th",
            "fifth 5th",
            "sixth 6th",
            "seventh 7th",
            "eighth 8th",
            "ninth 9th",
            "tenth 10th",
        ],
        start=1,
    )
    for word in forms.split()
} | {"last": -1}
COUNTS = {
    (word,): number
    for number, word in enumerate(
        [
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
        ],
        start=2,
    )
}
COUNTS |= phrase_table("a couple of|a pair of|couple of|pair of|both", 2) | phrase_table(
    "a dozen|dozen", 12
)
SUBJECT_PRONOUNS = word_set("i we they he she you")
QUESTION_WORDS = word_set("what who whom whose why when which how where")
# Verbs of statements: "the cup is dirty", "the blue one looks broken".
STATING = word_set(
    "is are was were am isn't aren't wasn't weren't has have had hasn't haven't looks look seems "
    "belongs belong needs doesn't don't didn't does did will won't can't cannot might may must "
    "should broke fell contains comes goes smells stays stands lies sits"
)
# What introduces a thing without asking for it: "I see a red cup. Pick it up."
INTRODUCTIONS = phrase_table(
    "i see|i can see|we see|we can see|you see|you can see|you will see|you'll see|there is"
    "|there are|there's|there will be|there should be|here is|here are|here's|i have|we have"
    "|you have|i found|i notice|i noticed|i can find|you find|you can find|you notice|this is"
    "|that is|that's|it's|it is|these are|those are|i've got|i bought|i put|you spot|you detect"
    "|you have got|i spot|there was|there were|i saw|i left|i dropped|i forgot|i lost|i like"
)
# Where counting starts in "the second from the left" and "the first on the right".
SIDES = {
    tuple(f"{preposition} {article}{word}".split()): side
    for side, forms in {
        "left": "left|left side|left hand side|left end|leftmost",
        "right": "right|right side|right hand side|right end|rightmost",
        "top": "top",
        "bottom": "bottom",
        "front": "front",
        "back": "back|rear",
    }.items()
    for word in forms.split("|")
    for preposition in ("from", "counting from", "starting from", "on", "from my", "from your")
    for article in ("", "the ")
}
# A comparison means the first of all that fit: "the leftmost cup".
COMPARED = {
    word: side
    for side, words in {
        "left": "leftmost",
        "right": "rightmost",
        "top": "topmost uppermost highest",
        "bottom": "bottommost lowest",
        "front": "nearest closest frontmost",
        "back": "farthest furthest",
        "big": "biggest largest",
        "small": "smallest tiniest littlest",
    }.items()
    for word in words.split()
}
# From whom things are near or far; "the one closest to the robot" is no robot.
VIEWERS = word_set("robot camera viewer me you yourself us gripper")
UNITS = word_set(
    "cm mm m km l ml cl kg g mg inch inches meter meters metre metres liter liter litre litres "
    "degree degrees percent seconds second minutes feet foot steps times cm. euro dollars"
)
# What is in a thing is moved with it: "pour the contents of the cup into the bowl".
CONTENTS = phrase_table("the contents of|contents of|the content of|what is in|what's in")
NUMBERS = word_set("two three four five six seven eight nine ten")
ADJECTIVES = word_set(
    "red orange yellow green blue purple pink brown black white grey gray golden silver violet "
    "big small large little tiny huge tall short long round square left right top bottom middle "
    "upper lower front back other same whole empty full dark light bright shiny wooden metal "
    "plastic glass paper old new clean dirty striped"
)
COLOURS = word_set(
    "red orange yellow green blue purple pink brown black white grey gray golden silver violet"
)
SIZES = word_set("big small large little tiny huge tall short long")
SUPERLATIVES = word_set(
    "leftmost rightmost topmost nearest closest farthest furthest biggest largest smallest tallest "
    "shortest widest middle remaining"
)
PRONOUNS = word_set(
    "it them this that these those him her one ones everybody someone somebody me us you myself "
    "yourself itself"
)
RECIPIENTS = word_set("me us")
# Words of which "but" makes an exception: "any cup but the red one".
GENERAL = word_set("any all every each anything anyone none nothing both")
# What an excluded thing may be called by, without a noun: "the cup that is not broken".
DESCRIBING = word_set(
    "dirty clean empty full open closed broken round square striped dark light shiny wooden metal "
    "plastic transparent new old other left right leftmost rightmost front back biggest smallest "
    "largest nearest closest farthest"
)
EXCLUSIONS = phrase_table(
    "but not|and not|except|except for|excepting|excluding|apart from|aside from|other than"
    "|instead of|rather than|save for|as opposed to|in place of|different from|but except"
    "|but leave|but ignore|but never|just not|only not"
    "|that is not|that isn't|that are not|that aren't|that's not|which is not|which isn't"
    "|which are not|which aren't|who is not|who isn't|that is never|that was not|that are neither"
    "|that is anything but|that is not the|not being"
)
# Conjunctions after which a clause gives a reason or a condition; it names no target.
SUBORDINATE = word_set(
    "because since as_long_as if when whenever while until till unless although though once cuz "
    "cause whereas before after so"
)
REASONS = word_set("because since cause cuz unless although though whereas")
CONDITIONS = phrase_table(
    "if|when|whenever|once|in case|as soon as|should|provided that|given that"
)
PURPOSE_VERBS = word_set(
    "drink eat read write draw cut wipe clean hold sit play open cook use wear sleep stir mix "
    "serve carry store sip chew snack cover measure dry erase mark paint throw bounce"
)
PARTICLES = word_set("up down away back off out over on")
FILLERS = phrase_table(
    "for me|to me|for us|to us|now|right now|again|here|there|over there|over here|quickly|slowly"
    "|carefully|gently|immediately|thanks|thank you|thx|cheers|too|as well|instead|if you can"
    "|if possible|if you could|if you don't mind|would you|will you|could you|can you|ok|okay"
    "|, robot|right away|at once|asap|as soon as possible|when you can|first|next|then|in the image"
    "|in the picture|in the photo|in the scene|in this image|in this picture|in this photo"
    "|in this scene|in view|in the view|in front of you|in front of me|that you see|you see"
    "|you can see|that you can see|visible|and|or|also|to|today|anywhere|somewhere|around here"
    "|a bit|a little|a little bit|slightly|in the frame|in your hand|in my hand|with your hand"
    "|with your gripper|with the gripper|maybe|perhaps|that's all|that is all|that's it"
    "|nice and slow|nice and easy|slow and steady|to report|and report to me|report to me"
)

# How a thing is moved: no part of its name ("turn the cup upside down").
MANNERS = phrase_table(
    "closer|nearer|upside down|upside-down|straight up|straight down|straight|sideways|upright"
    "|clockwise|counterclockwise|counter-clockwise|anticlockwise|anti-clockwise|over|around|round"
    "|up|down|left|right|away|aside|back|forward|forwards|backward|backwards|higher|lower|faster"
    "|slower|a bit|a little|a little bit|slightly|further|farther|to the left|to the right"
    "|to the side|to your left|to your right|to my left|to my right|to one side|in place"
    "|in circles|in half|on its side|by itself|carefully|slowly|gently|quickly|firmly|softly"
    "|towards me|toward me|towards you|toward you|towards yourself|closer to me|closer to you"
    "|nearer to me|out of the way|from side to side|back and forth|halfway|all the way|together"
    "|apart|inside out|end over end|face down|face up|with care|with both hands|with one hand"
    "|with your left hand|with your right hand|with the left arm|with the right arm|from above"
    "|with the left hand|with the right hand|with your left arm|with your right arm|with both arms"
    "|with two hands|with your hands|using both hands|using both arms|nice and slow|nice and easy"
    "|slow and steady|from the top|from the side|for a moment|for a second|for a while|yet|ever"
    "|anymore|any more"
    "|at all|once more|one more time|out"
)

LEAD_INS = phrase_table(
    "sure|but|don't worry|do not worry|any chance|is there any chance|of course|certainly"
    "|absolutely|i will|i'll|i'm going to|i am going to|let me|i shall|i can|i wish you would"
    "|i wish you'd|please can you|listen|look here|ok so|okay so|oh|ah|er|erm|would you kindly"
    "|could you maybe|can you just|don't forget to|do not forget to|remember to|be sure to"
    "|make sure to|make sure you|i was hoping you could|i hope you can"
    "|i'd appreciate it if you could|could you possibly|would it be possible to"
    "|it would be nice to|it would be great if you could|you may|you might|you could|feel free to"
    "|go on and|so now|attention|computer|alexa|siri|hey google|ok google|robo|hi there"
    "|hello there|hey there|good morning|good afternoon|good evening|first of all|secondly"
    "|thirdly|lastly|after this|in the end|at last|once done|when done|when you're done|afterward"
    "|later|simply|meanwhile|can you|could you|would you|will you|can we|could we|may i|can i"
    "|could i|do you|did you|would you mind|would you be able to|are you able to|could you please"
    "|would you be so kind as to|be so kind as to|i want you to|i need you to|i'd like you to"
    "|i would like you to|we want you to|we need you to|you should|you must|you need to"
    "|you have to|you can|i want to|i'd like to|i would like to|i need to|i'd love you to|let's"
    "|let us|try to|try and|go ahead and|help me|help me to|help us|your task is to"
    "|the task is to|your job is to|it is time to|now|then|next|first|finally|afterwards"
    "|after that|also|just|and|so|well|carefully|gently|slowly|quickly|immediately|hey|hi|hello"
    "|ok|okay|yes|no|alright|all right|right|robot|hey robot|ok robot|dear robot|hello robot"
    "|hi robot|groma|hey groma|ok groma|excuse me|sorry|great|good|thanks|thank you|there"
    "|be a dear and|be careful and|do me a favour and|do me a favor and|can you tell me"
    "|could you tell me|tell me|do you know|can you show me|show me|maybe|perhaps|actually"
    "|come on|i'm asking you to|i am asking you to|i ask you to|i'm ordering you to|i order you to"
    "|i'm telling you to|i command you to|how would you|how can you|what i meant was|what i mean is"
    "|what i want is|what i said was|s'il vous plait|s'il te plait|por favor|bitte|change of plan"
    "|change of plans|new plan|i said"
    "|instead|um|uh|task|command|i wonder|i was wondering if you could|if you can|if possible"
    "|if you don't mind|if you could|i think you should|again|how about you|why don't you"
)
POLITE = word_set("please kindly pls plz")
REASSURANCES = phrase_table("don't worry|do not worry|no worries|no problem|no rush|no hurry")
NEGATIONS = phrase_table(
    "don't|dont|do not|don't you|never|not|you must not|you mustn't|you should not|you shouldn't"
    "|you can't|you cannot|you can not|you may not|you are not allowed to|you aren't allowed to"
    "|you're not allowed to|you are not to|you're not to|must not|mustn't|should not|shouldn't"
    "|cannot|can't|no|refrain from|please don't|don't ever|do not ever|don't even|never ever"
    "|nobody should|no one should|no need to|there is no need to|you don't need to"
    "|you don't have to|you do not need to|you do not have to|you needn't|i don't want you to"
    "|i do not want you to|i don't want|i do not want|i don't need|i do not need"
    "|i'd rather you didn't|i would rather you didn't|i didn't ask for|i did not ask for"
    "|it is forbidden to|it's forbidden to|it is not allowed to|it's not allowed to|keep off"
    "|keep your hands off|hands off|stay off|ignore|forget|forget about|skip|leave out"
    "|under no circumstances|neither|nor|by no means|on no account"
)

# "where ..." questions ask for a place, "is there ..." for presence: both are looking tasks.
PLACE_QUESTIONS = phrase_table(
    "where|where's|wheres|what is the position of|what is the location of|what's the position of"
    "|what's the location of|in which place|what are the positions of|what are the locations of"
)
EXISTENCE_QUESTIONS = phrase_table(
    "do you see|can you see|did you see|do you see any|can you spot|do you spot|do you notice"
    "|is there|are there|is there also|are there also|do we have|do you have|have you got"
    "|have we got|have you seen|is there still|are there still|there is|there are|there's"
)
COUNT_QUESTIONS = phrase_table("how many|what number of|what is the number of|what's the number of")
FUNCTION_WORDS = word_set("for of with about as than and or nor")
AUXILIARIES = word_set(
    "is are was were am be been do does did have has had can could will would shall should may "
    "might must 's 're"
)
PLACE_QUESTION_ENDS = word_set("is are was were be located at found")
SUBJECTS = word_set("i you we they")
SEEKING = word_set("find see seen put leave left place")
NOT_IN_A_NAME = AUXILIARIES | word_set(
    "i you he she we they i'm i've i'll i'd you're we're it's that's what's who's he's she's "
    "isn't aren't doesn't didn't can't cannot couldn't won't wouldn't shouldn't haven't hasn't "
    "what who whom whose why when which how where hello hi hey thanks thank bye goodbye sorry ok "
    "okay yes no yeah nope maybe please cool great nice good if because but so though although "
    "not never nothing very there here"
)
CUTTERS = word_set(
    "because but so if when before after until till while unless since then although "
    "though except not without"
)
COMMA_CUTTERS = (
    CUTTERS | PRONOUNS | word_set("i he she we they you it's i'm which who where thanks")
)
RELATIVES = word_set(
    "that which who whose wearing holding sitting standing lying facing containing filled covered "
    "made leaning hanging"
)

# Places on or beside a thing: "to the left of", "in the middle of", "on the far side of".
PLACES = word_set(
    "left right top bottom middle center centre edge corner side end front back rear inside "
    "outside foreground background border rim"
)
DIRECTIONS = PLACES | word_set(
    "forward forwards backward backwards ahead straight home around up down away here there closer "
    "north south east west image picture photo scene view frame air ground sideways everywhere"
)
SIDEWAYS = word_set("left right forward forwards backward backwards aside closer")
INTO = phrase_table(
    "into|onto|on to|in to|to|toward|towards|over to|up to|back to|back into|back onto"
)
FROM = phrase_table("from|out of|off|off of|away from|out from")
WHERE = phrase_table(
    "next to|left of|right of|in front of|in back of|on top of|close to|closest to|nearest to"
    "|near|near to|beside|by|behind|under|underneath|below|beneath|above|over|on|upon|in|inside"
    "|inside of|within|between|in between|among|at|against|around|across from|opposite|atop"
    "|farthest from|furthest from|far from|adjacent to|touching|outside|outside of|along|alongside"
    "|away from|facing|leaning on|leaning against|back on|back in|through|across|farther from"
    "|further from|closer to"
)
PREPOSITIONS = INTO | FROM | WHERE
PREPOSITION_STARTS = frozenset({phrase[0] for phrase in PREPOSITIONS} | {"nearest", "before"})
CLOSER = phrase_table("closer to|nearer to|closer towards")
# Prepositions that can start a second destination: "(in) the bowl and the cup on the plate".
PLACINGS = INTO | phrase_table(
    "next to|on top of|beside|behind|under|underneath|below|beneath|above|over|on|upon|in|inside"
    "|in front of|between|near|close to"
)
BETWEEN = word_set("between among")

IRREGULAR_PLURALS = {
    "man": "men",
    "woman": "women",
    "child": "children",
    "person": "people",
    "foot": "feet",
    "tooth": "teeth",
    "mouse": "mice",
    "knife": "knives",
    "leaf": "leaves",
    "shelf": "shelves",
    "fish": "fish",
    "sheep": "sheep",
}
SINGULAR_IN_S = word_set(
    "scissors pliers tongs tweezers pants jeans trousers shorts headphones sunglasses goggles "
    "binoculars earphones lens bus gas canvas christmas series species news iris atlas chaos bias "
    "tennis chess always his its this yes alias hers ours"
)
PLURAL_WITHOUT_S = word_set(
    "people men women children feet teeth geese mice fish sheep knives leaves things everything "
    "dice firemen policemen"
)
EVERYTHING = word_set("everything everyone")
# Nouns for a thing of any kind, and places that are the whole picture.
ANY_THING = word_set("thing things object objects item items stuff everything")
WHOLE_SCENES = word_set(
    "table tabletop desk scene picture image photo frame view room counter workspace here there "
    "workbench surface worktop"
)
# Questions that are answered by every thing in the picture.
EVERYTHING_QUESTIONS = phrase_table(
    "what do you see|what can you see|what are you seeing|what's there|what is there|what you see"
    "|what you can see|what do we have here|what do we have|what is here|what's here"
    "|what objects are there|what things are there|which objects are there|what items are there"
    "|what objects do you see|which objects do you see|what objects can you see"
    "|which objects can you see|what things do you see|what things can you see"
    "|what is in the picture|what's in the picture|what is in the image|what's in the image"
    "|what is in the scene|what's in the scene|what is visible|what is in front of you"
    "|what's in front of you|what do you detect|what can you detect|what do you recognise"
    "|what do you recognize|what is in view|what's in view|what is around you"
)
# What no verb starts with: "red the cup" and "all my cups" are not asked to be done.
NO_VERBS = (
    NOT_IN_A_NAME | DETERMINERS | PRONOUNS | FUNCTION_WORDS | ADJECTIVES | NUMBERS | EVERYTHING
) | {entry[0] for entry in QUANTIFIERS}
