"""Who may use the cloud and as what: OpenStack's Identity API v3."""

from ..core.flow import Flow
from .audit import INVARIANTS
from .catalog import endpoint_url
from .credential_keys import CredentialKeys
from .credential_rotation import rotate
from .federation.provider import Providers
from .federation.saml.keypair import Keypair
from .first_start import first_start
from .key_rotation import rotate as rotate_token_keys
from .limit import limits
from .loops import loops
from .names import project_exists, project_names, user_names
from .rows import Project
from .samples import samples
from .service import SERVICE
from .settings import BadSettings
from .settings import read as read_settings
from .tokens import Tokens

FLOWS: tuple[Flow, ...] = ()

__all__ = [
    "FLOWS",
    "INVARIANTS",
    "SERVICE",
    "BadSettings",
    "CredentialKeys",
    "Keypair",
    "Project",
    "Providers",
    "Tokens",
    "endpoint_url",
    "first_start",
    "limits",
    "loops",
    "project_exists",
    "project_names",
    "read_settings",
    "rotate",
    "rotate_token_keys",
    "samples",
    "user_names",
]
