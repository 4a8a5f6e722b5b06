"""HTTP, for every service and knowing none: routes, versions, faults, paging, crud."""
