"""What the project consists of: its bill of materials, licences and known vulnerabilities."""
