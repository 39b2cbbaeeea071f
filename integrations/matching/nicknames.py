"""First names that are often short for another. Weak evidence: it makes a question, never an answer."""

from __future__ import annotations

_GROUPS = """
alexander alex alec sandy xander | alexandra alex sandra alexa sasha | andrew andy drew | ann anne anna annie nancy hannah
anthony tony | barbara barb babs | benjamin ben benny | catherine katherine kathryn kate katie cathy kathy kay kitty cat
charles charlie chuck | christine christina chris tina chrissie | christopher chris kit topher | daniel dan danny
david dave davey | deborah debra deb debbie | donald don donny | dorothy dot dottie | edward ed eddie ned ted teddy
elizabeth elisabeth liz lizzie beth betty eliza libby lisa | eleanor ellie nell nora | francis frank | frances fran franny
frederick fred freddie | gerald gerry jerry | gregory greg | harold harry hal | henry harry hank | isabella isabel bella izzy
jacob jake | james jim jimmy jamie | janet jan | jennifer jen jenny | john jack johnny jon | jonathan jon jonny
joseph joe joey | josephine jo josie | joshua josh | judith judy | kenneth ken kenny | lawrence laurence larry laurie
leonard len leo lenny | margaret maggie meg peggy greta margie | martha marty | martin marty | mary molly polly
matthew matt matty | michael mike mick mickey | nathaniel nathan nate nat | nicholas nick nicky | nicola nicole nikki nicky
olivia liv livvy | oliver ollie | pamela pam | patricia pat patty trish tricia | patrick pat paddy | peter pete
philip phillip phil | rachel rach | raymond ray | rebecca becky becca | richard rick ricky dick rich
robert bob bobby rob robbie | ronald ron ronnie | samuel sam sammy
samantha sam sammy | sarah sara sally | stephen steven steve | susan sue susie suzanne
theodore ted teddy theo | theresa teresa terry tess | thomas tom tommy | timothy tim | victoria vicky vicki tori
vincent vince vinny | virginia ginny | walter wally walt | william bill billy will willy liam | zachary zach zac
""".replace("\n", "|")

SHORT_FOR: dict[str, frozenset[str]] = {}
for _group in filter(None, (group.split() for group in _GROUPS.split("|"))):
    for _name in _group:
        SHORT_FOR[_name] = SHORT_FOR.get(_name, frozenset()) | frozenset(_group)


def one_short_for_the_other(one: str, other: str) -> bool:
    """Folded first names. Two short forms of one name count too: Kate and Cathy."""
    return other in SHORT_FOR.get(one, ())
