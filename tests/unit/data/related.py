"""What vault.related_person holds, as tests look at it."""

COLUMNS = ("family", "given", "phone", "email", "street", "city", "state", "zip", "identifier")


def told(con, role):
    """Rows of a role, each as what it holds."""
    rows = con.execute(
        f"SELECT {', '.join(COLUMNS)} FROM vault.related_person WHERE role = ? ORDER BY ALL", [role]
    ).fetchall()
    return [{name: value for name, value in zip(COLUMNS, row, strict=True) if value is not None} for row in rows]


def whole(con, role):
    """The values of all rows of a role."""
    return {value for row in told(con, role) for value in row.values()}


def of_the_patient(con):
    """Whether every relative's row, and the patient's, is the one patient's, and no staff's is."""
    wanted = con.execute("SELECT person_id FROM cdm.person").fetchall()
    linked = con.execute("SELECT DISTINCT person_id FROM vault.related_person WHERE role <> 'staff'").fetchall()
    staff = con.execute("SELECT count(person_id) FROM vault.related_person WHERE role = 'staff'").fetchall()
    return linked == wanted and staff == [(0,)]
