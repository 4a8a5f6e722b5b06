"""An LDAP server, asked: who there is, and whether a password is somebody's."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ...core.errors import Unavailable
from .options import Options

log = logging.getLogger(__name__)
_PAGE = 500
_MOST = 500_000
_TRUE = ("true", "1", "yes", "on")
Found = tuple[str, dict[str, list[str]]]


@dataclass(frozen=True)
class Person:
    """A user as the directory has it."""

    local_id: str
    name: str
    dn: str
    enabled: bool = True
    more: dict[str, str] = field(default_factory=dict)  # description, email, …


@dataclass(frozen=True)
class Team:
    """A group as the directory has it; members are DNs, or ids where the options say so."""

    local_id: str
    name: str
    description: str
    members: tuple[str, ...]


class Directory:
    """One LDAP server. Raises Unavailable when it does not answer, or refuses."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def people(self) -> list[Person]:
        """Every user."""
        o = self.options
        names = [o.user_id_attribute, o.user_name_attribute, o.user_enabled_attribute, *self._more]
        rows = self._all(o.users, o.user_objectclass, o.user_filter, names)
        return [one for row in rows if (one := self._person(row)) is not None]

    def teams(self) -> list[Team]:
        """Every group."""
        o = self.options
        names = [o.group_id_attribute, o.group_name_attribute, o.group_desc_attribute]
        names.append(o.group_member_attribute)
        found = []
        for _, values in self._all(o.groups, o.group_objectclass, o.group_filter, names):
            key, name = _first(values, o.group_id_attribute), _first(values, o.group_name_attribute)
            if key and name:
                text = _first(values, o.group_desc_attribute)
                members = tuple(values.get(o.group_member_attribute.lower(), ()))
                found.append(Team(key, name, text, members))
        return found

    def verify(self, local_id: str, password: str) -> bool:
        """Whether this is the password of the user with this id."""
        if not password:
            return False  # a bind without one is nobody's, and servers allow it
        import ldap
        from ldap.filter import escape_filter_chars

        o = self.options
        wanted = f"({o.user_id_attribute}={escape_filter_chars(local_id)})"
        with self._bound() as connection:
            text = _filter(o.user_objectclass, o.user_filter, wanted)
            names = [o.user_id_attribute, o.user_name_attribute, o.user_enabled_attribute]
            rows = self._search(connection, o.users, text, names)
        people = [one for row in rows if (one := self._person(row)) is not None]
        if len(people) != 1 or not people[0].enabled:
            return False
        with self._connected() as connection:
            try:
                connection.simple_bind_s(people[0].dn, password)
            except (ldap.INVALID_CREDENTIALS, ldap.UNWILLING_TO_PERFORM, ldap.NO_SUCH_OBJECT):
                return False
        return True

    @property
    def _more(self) -> dict[str, str]:
        """Attributes of the directory and the keys of a user that they become."""
        o = self.options
        found = {o.user_mail_attribute: "email", o.user_description_attribute: "description"}
        pairs = (one.partition(":") for one in o.user_additional_attribute_mapping)
        return found | {attribute: key for attribute, _, key in pairs}

    def _person(self, row: Found) -> Person | None:
        o, (dn, values) = self.options, row
        key, name = _first(values, o.user_id_attribute), _first(values, o.user_name_attribute)
        if not key or not name:
            return None
        more = {k: text for a, k in self._more.items() if (text := _first(values, a))}
        return Person(key, name, dn, self._enabled(values), more)

    def _enabled(self, values: dict[str, list[str]]) -> bool:
        o = self.options
        text = _first(values, o.user_enabled_attribute) or o.user_enabled_default
        if o.user_enabled_mask:
            # As with userAccountControl: the bit says that the account is disabled.
            bits = int(text) if text.isdigit() else 0
            enabled = not bits & o.user_enabled_mask
        else:
            enabled = text.lower() in _TRUE
        return enabled is not o.user_enabled_invert

    def _all(self, tree: str, kind: str, more: str, names: list[str]) -> Iterator[Found]:
        with self._bound() as connection:
            yield from self._search(connection, tree, _filter(kind, more, ""), names)

    def _search(self, connection: Any, tree: str, text: str, names: list[str]) -> list[Found]:
        """Every entry, page by page: servers cut a long answer short without saying so."""
        import ldap
        from ldap.controls import SimplePagedResultsControl

        scope = ldap.SCOPE_SUBTREE if self.options.query_scope == "sub" else ldap.SCOPE_ONELEVEL
        control = SimplePagedResultsControl(True, self.options.page_size or _PAGE, "")
        found: list[Found] = []
        wanted = sorted({name for name in names if name})
        while True:
            number = connection.search_ext(tree, scope, text, wanted, serverctrls=[control])
            _, rows, _, controls = connection.result3(number, timeout=self.options.seconds * 6)
            found += [(dn, _texts(values)) for dn, values in rows if dn]
            if len(found) > _MOST:
                raise Unavailable(f"{self.options.url} has more than {_MOST} entries below {tree}.")
            paged = [c for c in controls if c.controlType == SimplePagedResultsControl.controlType]
            if not paged or not paged[0].cookie:
                return found
            control.cookie = paged[0].cookie

    @contextmanager
    def _bound(self) -> Iterator[Any]:
        with self._connected() as connection:
            connection.simple_bind_s(self.options.user, self.options.password)
            yield connection

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        try:
            import ldap
        except ImportError:
            raise Unavailable("LDAP needs the extra pileus[ldap], which is missing here.") from None
        o = self.options
        connection = None
        try:
            connection = ldap.initialize(o.url)
            connection.set_option(ldap.OPT_REFERRALS, 0)
            connection.set_option(ldap.OPT_NETWORK_TIMEOUT, o.seconds)
            connection.set_option(ldap.OPT_TIMEOUT, o.seconds * 6)
            self._secure(ldap, connection)
            if o.use_tls:
                connection.start_tls_s()
            yield connection
        except ldap.LDAPError as wrong:
            log.warning("the directory %s: %s", o.url, wrong)
            kind = type(wrong).__name__
            raise Unavailable(f"The directory of this domain does not answer: {kind}.") from None
        finally:
            if connection is not None:
                connection.unbind_ext()

    def _secure(self, ldap: Any, connection: Any) -> None:
        o = self.options
        if o.tls_cacertfile:
            connection.set_option(ldap.OPT_X_TLS_CACERTFILE, o.tls_cacertfile)
        if o.tls_cacertdir:
            connection.set_option(ldap.OPT_X_TLS_CACERTDIR, o.tls_cacertdir)
        level = {
            "demand": ldap.OPT_X_TLS_DEMAND,
            "allow": ldap.OPT_X_TLS_ALLOW,
            "never": ldap.OPT_X_TLS_NEVER,
        }[o.tls_req_cert]
        connection.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, level)
        connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)  # what was set before holds from here on


def _filter(kind: str, more: str, wanted: str) -> str:
    inner = f"({more})" if more and not more.startswith("(") else more
    return f"(&(objectClass={kind}){inner}{wanted})"


def _first(values: dict[str, list[str]], name: str) -> str:
    return next(iter(values.get(name.lower(), ())), "")


def _texts(values: dict[str, list[bytes]]) -> dict[str, list[str]]:
    """Attributes by their names in small letters; what is no text is left out."""
    found: dict[str, list[str]] = {}
    for name, some in values.items():
        try:
            found[name.lower()] = [one.decode() for one in some]
        except UnicodeDecodeError:
            continue
    return found
