"""What Apple School Manager's activity log says of a row, in words, and the rule that looks for it before.

Source: Apple, "Log errors in Apple School Manager". The complete list is not public: whatever is not here
is shown as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ActivityCode:
    """One code; `rule` is the check that would have seen its cause, where there is one."""

    title: str
    text: str
    rule: str = ""
    clerk: str | None = None
    """What is wrong, in a clerk's words; None where a clerk can mend nothing in the SIS."""
    column: str = ""
    """What a clerk has to look at."""


CODES: Mapping[str, ActivityCode] = {
    "MANAGED_ID_GENERATION_FAILED": ActivityCode(
        "Apple could not make an account name",
        "A column that the account format in Apple School Manager is made from is empty for this person. "
        "List its parts in `sink.account_name_uses`, and the check sees it before Apple does.",
        "asm-required-account-name",
        "Apple could not name the account: the user name, the e-mail address, the number or a name is missing.",
    ),
    "EMAIL_UNAVAILABLE_AS_MAID": ActivityCode(
        "The e-mail address cannot become the account name",
        "Another account has it, or its domain is not available. Look in Apple School Manager who has the "
        "address; list federated domains in `sink.federated_domains`, and the check sees doubles before.",
        "asm-unique-email",
        "The e-mail address cannot be used: somebody else has it, or it is not the district's.",
        "email_address",
    ),
    "USERNAME_CONFLICT_WITH_EXISTING_APPLE_ID": ActivityCode(
        "Somebody has a personal Apple Account of this name",
        "The school's address was used privately. Apple asks its owner to rename it; wait, or give the "
        "person another address in the SIS.",
        clerk="Somebody uses the school's address for a private Apple Account; the person needs another one.",
        column="email_address",
    ),
    "OPERATION_NOT_ALLOWED": ActivityCode(
        "The state of the account does not allow this",
        "The account was deactivated, or taken over by hand, in Apple School Manager. Look at its status and "
        "its source there, and reactivate it.",
    ),
    "OPERATION_NOT_ALLOWED_BY_VPP": ActivityCode(
        "App licences hang on the account", "Move the licences first, in Apple School Manager."
    ),
    "NOT_FOUND": ActivityCode(
        "The account is not there any more",
        "It was deleted or claimed. Nothing is to be done here.",
    ),
    "NO_EMAIL": ActivityCode(
        "There is no address to send sign-in details to",
        "Fill in the e-mail address in the SIS, or hand the details out on paper.",
        clerk="The e-mail address is missing, and sign-in details cannot be sent.",
        column="email_address",
    ),
    "NOT_ENOUGH_PRIVILEGE": ActivityCode(
        "Whoever did this may not do it", "It was done by hand, not by an upload."
    ),
    "INVALID_INPUT": ActivityCode("Apple refused what was entered", "Look at the row in the log."),
    "INTERNAL_ERROR": ActivityCode(
        "Something broke at Apple", "Send the delivery again later: `etlrunner resend RUN`."
    ),
}
