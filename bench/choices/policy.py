"""One policy decision: our compiled rules and oslo.policy."""

from clock import table
from oslo_config import cfg
from oslo_policy import policy as oslo

from pileus.core.policy import Credentials, Policy, Rule

CHECK = "role:admin or (role:member and project_id:%(project_id)s)"
who = Credentials(project_id="p1", roles=frozenset({"member", "reader"}))
target = {"project_id": "p1"}
ours = Policy([Rule("server:stop", CHECK)])

conf = cfg.ConfigOpts()
conf([])
enforcer = oslo.Enforcer(conf, use_conf=False)
enforcer.register_default(oslo.RuleDefault("server:stop", CHECK))
enforcer.load_rules()
creds = {"roles": ["member", "reader"], "project_id": "p1"}

table(
    "policy: one decision",
    {
        "our compiled rules": lambda: ours.allows("server:stop", who, target),
        "oslo.policy": lambda: enforcer.authorize("server:stop", target, creds),
    },
)
