"""What a merchant writes, from blocks to HTML, before there is a recipient."""
