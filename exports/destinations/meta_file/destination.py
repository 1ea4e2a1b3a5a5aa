"""Meta custom audience as files under MERGANSER_HOME/exports/<export>/, for an upload by hand or by Meta's
importer.
"""

from __future__ import annotations

from exports.destination import DeliveryContext
from exports.destinations.meta_file.rendering import MetaRendering, check_columns
from exports.files import FileSession
from exports.settings import Settings
from exports.spec import ExportSpec


class MetaFileDestination:
    """Files whose rows are members of a custom audience, to add or to remove."""

    name = "meta_file"
    is_transactional = True
    batch_size: int | None = None

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def missing_settings(self) -> tuple[str, ...]:
        """None: it only needs a directory."""
        return ()

    def check(self, spec: ExportSpec) -> None:
        """Raises SpecError for columns that Meta's customer file does not have."""
        check_columns(spec)

    def rendering(self, spec: ExportSpec) -> MetaRendering:
        """The shape of its files' rows, from which the ledger can be rebuilt."""
        return MetaRendering(spec)

    def open(self, context: DeliveryContext) -> FileSession:
        """A session that writes the delivery's files."""
        return FileSession(context, self._settings.exports_dir / context.spec.name, self.rendering(context.spec))


def create(settings: Settings) -> MetaFileDestination:
    """The destination, bound to a home's directory of exports."""
    return MetaFileDestination(settings)
