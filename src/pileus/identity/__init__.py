"""Who may use the cloud and as what: OpenStack's Identity API v3."""

from ..core.flow import Flow
from .audit import INVARIANTS
from .federation.provider import Providers
from .federation.saml.keypair import Keypair
from .first_start import first_start
from .loops import loops
from .names import project_exists, project_names, user_names
from .rows import Project
from .samples import samples
from .service import SERVICE
from .tokens import Tokens

FLOWS: tuple[Flow, ...] = ()

__all__ = [
    "FLOWS",
    "INVARIANTS",
    "SERVICE",
    "Keypair",
    "Project",
    "Providers",
    "Tokens",
    "first_start",
    "loops",
    "project_exists",
    "project_names",
    "samples",
    "user_names",
]
