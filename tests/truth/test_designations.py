"""Each object has one name, whoever writes it."""

import pytest
from ades import packUtil
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.truth.designations import canonical, is_comet, is_satellite

SAME = {
    "433": ("433", " 433 ", "(433)", "00433", "433 Eros", "(433) Eros", "(433) 1898 DQ", "433 (1898 DQ)"),
    "137108": ("(137108) 1999 AN10", "137108 1999 AN10", "137108 (1999AN10)"),
    "99942": ("99942 Apophis (2004 MN4)", "99942 Apophis"),
    "1": ("1 Ceres (A801 AA)",),
    "620000": ("~0000", "620000", "(620000)"),
    "85": ("85 Io", "(85) Io"),
    "1666": ("1666 van Gent",),
    "1234": ("(1234) Li", "(1234) Vic", "(1234) van Li"),
    "2004 JQ12": ("K04J12Q", "2004 JQ12", "2004JQ12", "2004  jq012", "2004_JQ12", "(2004 JQ12)", "2004 JQ_12"),
    "2004 JQ": ("K04J00Q", "2004 JQ", "2004jq", "2004 JQ0"),
    "1904 OA": ("A904 OA", "J04O00A", "1904 OA", "a904oa"),
    "2026 CZ6190": ("_QC0aEM", "2026 CZ6190", "2026cz6190"),
    "2040 P-L": ("PLS2040", "2040 P-L", "2040P-L", "2040 p-l"),
    "3138 T-1": ("T1S3138", "3138 T-1"),
    "A/2018 V3": ("AK18V030", "A/2018 V3", "A/2018V3"),
}
COMETS = {
    "29P": ("29P", "0029P", "29p", "29P/Schwassmann-Wachmann 1", "0029P       ", "29P Schwassmann-Wachmann 1"),
    "67P": ("67P (Churyumov-Gerasimenko)", "67P Churyumov-Gerasimenko"),
    "73P-B": ("73P-B Schwassmann-Wachmann 3",),
    "122P": ("122P de Vico", "122P/de Vico"),
    "27P": ("27P Crommelin",),
    "73P-C": ("73P-C", "0073P      c", "73P-C/Schwassmann-Wachmann"),
    "73P-AC": ("73P-AC", "0073P     ac"),
    "1I": ("1I", "0001I", "1I/\u02bbOumuamua", "1I 'Oumuamua"),
    "I/2017 U1": ("I/2017 U1", "IK17U010"),
    "C/2019 Q4": ("C/2019 Q4", "c/2019q04", "CK19Q040", "C/2019 Q4 (Borisov)"),
    "C/2001 OG108": ("C/2001 OG108 (LONEOS)", "CK01OA8G"),
    "P/2010 H2": ("P/2010 H2", "PK10H020"),
    "D/1993 F2-A": ("D/1993 F2-A", "DJ93F02a"),
    "P/Encke": ("P/Encke",),
    "C/NEOWISE": ("C/NEOWISE",),
    "P/LINEAR 12": ("P/LINEAR 12",),
}
SATELLITES = {
    "Jupiter 13": ("Jupiter 13", "Jupiter XIII", "J013S", "jupiter 013"),
    "Uranus 6": ("Uranus VI (Cordelia)", "U006S"),
    "S/2003 J 1": ("S/2003 J 1", "S/2003 J1", "SK03J010"),
    "(45) 1": ("(45) 1", "(45) Eugenia I (Petit-Prince)"),
    "(66391) 1": ("S/2001 (66391) 1",),
    "(2003 EL61) 1": ("S/2005 (2003 EL61) 1", "(2003EL61) 1"),
}
OTHERS = [
    "A1234",
    "NE00001",
    "A_b-C",
    "K16S99",
    "2004 IA",
    "1 A",
    "3 juno",
    "F1-A001",
    "P10abcd",
    "Eros",
    "C/",
    "12 Field 3",
    "2004 MN (2004 MN4)",
    "12D field",
    "12P 3",
]


@pytest.mark.parametrize(
    ("name", "spelling"),
    [(name, each) for table in (SAME, COMETS, SATELLITES) for name, all_of_it in table.items() for each in all_of_it],
)
def test_all_spellings_are_one_name(name, spelling):
    assert canonical(spelling) == name
    assert is_comet(spelling) == (name in COMETS)
    assert is_satellite(spelling) == (name in SATELLITES)


@pytest.mark.parametrize("name", OTHERS)
def test_any_other_name_stays_and_is_no_comet(name):
    assert (canonical(f" {name} "), is_comet(name), is_satellite(name)) == (name, False, False)


letters = st.sampled_from("ABCDEFGHJKLMNOPQRSTUVWXY")
orders = st.sampled_from("ABCDEFGHJKLMNOPQRSTUVWXYZ")


@given(
    st.integers(1925, 2035), letters, orders, st.integers(0, 619), st.sampled_from(["", " ", "_"]), st.integers(0, 3)
)
def test_provisional_designations_are_one_in_any_spelling(year, half, order, cycle, gap, zeros):
    name = f"{year} {half}{order}{cycle or ''}"
    written = f"{year}{gap}{half}{order}{'0' * zeros}{cycle or ''}"
    packed = packUtil.packTupleID((None, name, None)).strip()
    assert canonical(written) == canonical(written.lower()) == canonical(packed) == canonical(f"({name})") == name


@given(st.integers(620_000, 15_396_335))
def test_numbers_with_a_tilde_are_unpacked(number):
    packed = packUtil.packTupleID((str(number), None, None)).strip()
    assert canonical(packed) == canonical(f"({number})") == str(number)


@given(st.text(max_size=14) | st.from_regex(r"[ACDPXISJK(~_]?[0-9/ ()A-Za-z~_-]{0,13}", fullmatch=True))
def test_a_canonical_name_is_its_own(name):
    once = canonical(name)
    assert canonical(once) == once
    assert (is_comet(once), is_satellite(once)) == (is_comet(name), is_satellite(name))
