"""What passwords must be like, as everybody may read it."""

from ...cloud import Cloud
from .calls import V3

AT = f"{V3}/domains/default/config/security_compliance"


def test_everybody_reads_what_passwords_must_be_like(cloud: Cloud):
    whole = cloud.demo.get(AT).json()["config"]
    one = cloud.demo.get(f"{AT}/password_regex").json()["config"]

    assert whole == {
        "security_compliance": {"password_regex": None, "password_regex_description": None}
    }
    assert one == {"password_regex": None}


def test_nothing_else_of_it_is_read_nor_that_of_other_domains(cloud: Cloud):
    assert cloud.demo.get(f"{AT}/lockout_duration").status_code == 403
    assert cloud.demo.get(AT.replace("default", "other")).status_code == 403
    assert cloud.demo.get(f"{V3}/domains/default/config/ldap").status_code == 403
