"""Run with the real keystoneauth1: log in as the JSON on stdin says, print what came of it.

{"plugin": "v3oidcpassword", "options": {…}}
{"plugin": "k2k", "base": {…}, "service_provider": "…", "options": {…}}
"""

import json
import sys

from keystoneauth1 import loading, session
from keystoneauth1.identity import v3

asked = json.load(sys.stdin)
made = session.Session()
if asked["plugin"] == "k2k":
    base = v3.Password(**asked["base"])
    auth = v3.Keystone2Keystone(base, asked["service_provider"], **asked["options"])
else:
    auth = loading.get_plugin_loader(asked["plugin"]).load_from_options(**asked["options"])
access = auth.get_access(made)
found = {
    "user": access.username,
    "user_id": access.user_id,
    "project": access.project_name,
    "roles": sorted(access.role_names),
    "token": access.auth_token,
    "identity": made.get_endpoint(auth, service_type="identity"),
}
print(json.dumps(found))
