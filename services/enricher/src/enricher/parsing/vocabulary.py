"""The platforms' names for kinds of items. Labels consist of these only, so their number is bounded."""

EVENT_KINDS = (
    "message",
    "message_edit",
    "reaction",
    "read",
    "delivery",
    "postback",
    "optin",
    "referral",
    "account_linking",
    "policy_enforcement",
    "policy-enforcement",
    "pass_thread_control",
    "take_thread_control",
    "request_thread_control",
    "app_roles",
    "message_request",
    "game_play",
    "payment",
    "checkout_update",
    "pre_checkout",
    "messaging_customer_feedback",
    "customer_feedback",
    "customer-feedback",
    "messaging_feedback",
    "response_feedback",
    "branded_camera",
)
"""Kinds of messaging items. Each is the name of the object that marks it; the more specific ones come first."""

ACCOUNT_NOTICES = (
    "account_alerts",
    "account_review_update",
    "account_settings_update",
    "account_update",
    "business_capability_update",
    "business_status_update",
    "message_template_components_update",
    "message_template_quality_update",
    "message_template_status_update",
    "payment_configuration_update",
    "phone_number_name_update",
    "phone_number_quality_update",
    "security",
    "template_category_update",
)
"""WhatsApp changes of the account itself."""

GROUP_CHANGES = ("group_lifecycle_update", "group_participants_update", "group_settings_update", "group_status_update")
"""WhatsApp changes of groups."""

CHANGE_FIELDS = frozenset(
    {
        "messages",
        "comments",
        "live_comments",
        "mentions",
        "mention",
        "story_insights",
        "feed",
        "leadgen",
        "ratings",
        "history",
        "smb_app_state_sync",
        "smb_message_echoes",
        "message_echoes",
        "calls",
        "user_preferences",
        "user_id_update",
        *GROUP_CHANGES,
        *ACCOUNT_NOTICES,
    }
)
"""Values of a change's `field`."""

WHATSAPP_MESSAGE_TYPES = frozenset(
    {
        "text",
        "image",
        "video",
        "audio",
        "document",
        "sticker",
        "location",
        "contacts",
        "interactive",
        "button",
        "order",
        "reaction",
        "system",
        "edit",
        "revoke",
        "unsupported",
    }
)
"""Values of a WhatsApp message's `type`. An object of the same name has the content."""
