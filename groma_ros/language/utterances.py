"""Find texts that ask for nothing: politeness, and what speech recognisers write for silence."""

from __future__ import annotations

from groma_ros.language.word_tables import longest_match, phrase_table, word_set

# Words that ask for nothing: politeness, and what speech recognisers make of silence.
_SOCIAL = word_set(
    "thank thanks thx cheers you u very much so for watching listening viewing your time "
    "attention help support a lot bye goodbye bye-bye ok okay k okey yes yeah yep yup no nope "
    "nah sure alright all right good great nice cool fine perfect excellent awesome amazing "
    "wonderful job work well done hello hi hey hiya howdy robot there sir sorry oh ah aha hmm hm "
    "mm mhm huh uh um er erm wow yay see later next again tomorrow soon night morning afternoon "
    "evening day please pardon i i'm it's welcome of course exactly correct true agreed got "
    "understood roger and then that's the end we're everyone everybody guys folks friends my "
    "friend dear too lovely beautiful congratulations happy haha ha lol amen man dude buddy mate "
    "boy is as always are how doing nice meet to greetings peace out"
)
_SOCIAL_PHRASES = phrase_table(
    "i'll see you in the next video|i'll see you in the next one|we'll see you next time"
    "|i'll see you next time|see you in the next one|in the next video|i'll see you later|see you"
    "|see you later|see you soon|see you next time|see you in the next video|subscribe"
    "|please subscribe|subscribe to my channel|like and subscribe|don't forget to subscribe"
    "|please like and subscribe|subtitles by the amara org community|subtitles by"
    "|transcription by|transcribed by|translated by|captions by|copyright|all rights reserved"
    "|i love you|how are you|how are you doing|how do you do|what's up|nice to meet you|let's go"
    "|have a nice day|have a good day|have a great day|take care|you're welcome|no problem"
    "|that's it|that's all|that is all|good job|well done|i see|i know|i don't know|me too"
    "|same here|got it|i got it|of course|to be continued|the end|go ahead|all done|silence|music"
    "|applause|do that|do it|do this|do so|sounds good|that works|go for it|proceed"
)


def asks_for_nothing(words: list[str]) -> bool:
    """Return whether all words are polite or a known phrase of silence ("Thank you.").

    The phrases are those that speech recognisers write when nobody speaks, taken from lists in
    their bug trackers.
    """
    at = 0
    spoken = [w for w in words if w[0].isalnum()]
    while at < len(spoken):
        length = longest_match(_SOCIAL_PHRASES, spoken, at)[1]
        if length and at + length == len(spoken):
            return True
        if spoken[at] in _SOCIAL:
            length = max(length, 1)
        if length == 0:
            return False
        at += length
    return True
