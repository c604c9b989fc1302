"""What is done to the finished picture beside faces: words set into it (setting), and its layout in other sizes (sizes)."""
