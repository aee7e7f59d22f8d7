"""Items of WhatsApp."""
