"""How the processes start, stop and speak to their servers."""
