"""What is printed of a build: the accounts as rows of a table."""

from ceres_fast.records.summary import account_rows

from .test_reconcile import accounts


def test_rows_of_the_table():
    rows = account_rows(accounts())
    assert rows[:4] == [("frames", 7), ("  bad frames", 2), ("  frames not selected", 1), ("  = used", 4)]
    assert rows[-3:] == [("stamps", 32), ("  over quota", 12), ("  = records", 20)]
