"""CRM update as files: the export's own columns, one line per CRM record."""
