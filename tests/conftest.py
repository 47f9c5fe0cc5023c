"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A check that others wait for tries the same examples each time; a developer's run looks for new ones.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("developer", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "developer")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real stamps, alerts and frames, kept outside the repository."""
    path = Path(__file__).parents[2] / "shared" / "data"
    if not path.is_dir():
        pytest.skip("the real data (shared/data beside the checkout) is not here")
    return path
