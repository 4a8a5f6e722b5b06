"""`pileus routes`."""

import click


@click.command()
@click.argument("service", required=False)
def routes(service: str | None) -> None:
    """List every route: method, path, action, policy rule."""
    from ..app import SERVICES

    for each in SERVICES:
        if service not in (None, each.type):
            continue
        for route in each.routes:
            action = f"#{route.action}" if route.action else ""
            click.echo(
                f"{route.method:7}{each.path}{route.path}{action:30} {route.policy}".rstrip()
            )
