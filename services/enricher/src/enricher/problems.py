"""The problems of `/api/media` (RFC 9457)."""

from shared.http.problems import ProblemCatalog, ProblemType

PROBLEMS = ProblemCatalog(
    {
        "bad-request": ProblemType(400, "The request cannot be understood."),
        "unauthorized": ProblemType(401, "A valid bearer token is needed."),
        "not-found": ProblemType(404, "There is no such thing."),
        "media-elsewhere": ProblemType(404, "It has an address of its own."),
        "method-not-allowed": ProblemType(405, "This cannot be done here."),
        "account-needs-reauthorization": ProblemType(409, "The account has to be connected again."),
        "media-gone": ProblemType(410, "The platform has it no more."),
        "internal-error": ProblemType(500, "Something went wrong here."),
        "platform-refused": ProblemType(502, "The platform does not hand it out."),
        "media-too-large": ProblemType(502, "It is larger than what is passed on."),
        "unavailable": ProblemType(503, "It cannot be fetched at this moment."),
        "platform-silent": ProblemType(504, "The platform took too long."),
    },
    headers={"Cache-Control": "no-store"},
)
