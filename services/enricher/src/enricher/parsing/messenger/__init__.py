"""Items of Messenger and Instagram."""
