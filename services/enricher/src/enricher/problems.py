"""The problems of `/api/media` (RFC 9457)."""

from shared.http.problems import ProblemCatalog, ProblemType

PROBLEMS = ProblemCatalog(
    {
        "bad-request": ProblemType(400, "The request cannot be parsed."),
        "unauthorized": ProblemType(401, "A valid bearer token is required."),
        "not-found": ProblemType(404, "Not found."),
        "media-elsewhere": ProblemType(404, "The attachment has its own URL."),
        "method-not-allowed": ProblemType(405, "The method is not allowed."),
        "account-needs-reauthorization": ProblemType(409, "The account must be connected again."),
        "media-gone": ProblemType(410, "The platform no longer has the file."),
        "internal-error": ProblemType(500, "Internal error."),
        "platform-refused": ProblemType(502, "The platform refuses the file."),
        "media-too-large": ProblemType(502, "The file is too large."),
        "unavailable": ProblemType(503, "The file is temporarily unavailable."),
        "platform-silent": ProblemType(504, "The platform took too long."),
    },
    headers={"Cache-Control": "no-store"},
)
