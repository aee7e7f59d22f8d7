"""Encryption of access tokens at rest, with keys that can be rotated."""

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr

from shared.errors import PermanentError


class Undecryptable(PermanentError):
    """None of the configured keys opens it."""


class TokenCipher:
    """Encrypts with the first key, decrypts with any (cryptography's MultiFernet).

    Args:
        keys: url-safe base64 of 32 bytes each, the newest first; older ones while something is encrypted with them.
    """

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        self._fernet = MultiFernet([Fernet(key.get_secret_value()) for key in keys])

    def encrypt(self, token: str) -> str:
        """Return the ciphertext: text, safe to store and to hand on."""
        return self._fernet.encrypt(token.encode()).decode()

    def decrypt(self, ciphertext: str) -> SecretStr:
        """Return the token.

        Raises:
            Undecryptable: the keys have changed; connect the account again or add the old key.
        """
        try:
            return SecretStr(self._fernet.decrypt(ciphertext.encode()).decode())
        except InvalidToken as error:
            raise Undecryptable("no configured encryption key opens this token") from error
