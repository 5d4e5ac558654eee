"""What we keep: the tables and every query over them. Imports nothing of ours."""
