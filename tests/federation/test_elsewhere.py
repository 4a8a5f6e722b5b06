"""Passwords that a directory keeps."""

from pileus.identity.passwords import Passwords


def test_a_password_that_is_kept_elsewhere_is_asked_about_there() -> None:
    passwords = Passwords()
    asked: list[tuple[str, str]] = []

    def there(password: str, stored: str) -> bool:
        asked.append((password, stored))
        return password == "right"

    passwords.elsewhere["ldap:"] = there

    assert passwords.matches("right", "ldap:1")
    assert not passwords.matches("wrong", "ldap:1")
    assert asked == [("right", "ldap:1"), ("wrong", "ldap:1")]
    assert passwords.matches("own", passwords.hash("own"))


def test_a_password_that_is_kept_elsewhere_is_never_hashed_anew() -> None:
    passwords = Passwords()
    passwords.elsewhere["ldap:"] = lambda _password, _stored: True

    outdated = getattr(passwords, "outdated", lambda _stored: False)

    assert not outdated("ldap:1")
