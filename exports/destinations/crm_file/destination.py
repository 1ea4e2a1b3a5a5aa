"""CRM update as files under MERGANSER_HOME/exports/<export>/, for the CRM's own importer."""

from __future__ import annotations

from exports.destination import DeliveryContext
from exports.destinations.crm_file.rendering import CrmRendering
from exports.files import FileSession
from exports.settings import Settings
from exports.spec import ExportSpec


class CrmFileDestination:
    """Files whose rows are values to write to CRM records, or to clear."""

    name = "crm_file"
    is_transactional = True
    batch_size: int | None = None

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def missing_settings(self) -> tuple[str, ...]:
        """None: it only needs a directory."""
        return ()

    def check(self, spec: ExportSpec) -> None:
        """Every declared export fits: its columns are the file's."""

    def rendering(self, spec: ExportSpec) -> CrmRendering:
        """The shape of its files' rows, from which the ledger can be rebuilt."""
        return CrmRendering(spec)

    def open(self, context: DeliveryContext) -> FileSession:
        """A session that writes the delivery's files."""
        return FileSession(context, self._settings.exports_dir / context.spec.name, self.rendering(context.spec))


def create(settings: Settings) -> CrmFileDestination:
    """The destination, bound to a home's directory of exports."""
    return CrmFileDestination(settings)
