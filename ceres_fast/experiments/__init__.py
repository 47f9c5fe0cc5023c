"""The paper's twelve experiments on one's own records, and one report of them."""
