"""Paths of the store's `/internal` API, and how much one request may ask for. The store enforces the limits."""

PAGE_OWNERS_PATH = "/internal/accounts/{platform}/{page_id}"
PARTICIPANTS_PATH = "/internal/participants"
CLAIM_LOOKUPS_PATH = "/internal/profile-lookups/claim"
LOG_PATH = "/internal/log"
TOPS_PATH = "/internal/tops"
MEDIA_PATH = "/internal/media"
READ_PATH = "/internal/read"
REVOCATIONS_PATH = "/internal/revoked-tokens"

MAX_BODY_BYTES = 2 * 1024 * 1024
"""10,000 user ids of 128 characters, the most that one request holds, are 1.3 MB."""
MAX_PARTICIPANTS = 500
"""Keys in one `ParticipantsRequest`."""
MAX_LOOKUPS = 500
"""Lookups that one `LookupsClaim` takes."""
MAX_EXCEPT_PAGES = 1_000
"""Pages that one `LookupsClaim` leaves out."""
MAX_LEASE_SECONDS = 3_600.0
MAX_POSITIONS = 500
"""Positions in one `LogRequest`."""
MAX_FRAMES = 1_000
"""Frames per user in the answer to one `LogRequest`."""
MAX_TOPS = 10_000
"""Users in one `TopsRequest`."""
