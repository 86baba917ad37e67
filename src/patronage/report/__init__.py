"""The report room: the charts of an evaluated, scored model and the one-file page that shows them."""
