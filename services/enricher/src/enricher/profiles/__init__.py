"""Who is writing: profiles of customers, and the lookups that find them."""
