"""How answers look: each function gives the lines of one kind of answer; a module for each topic."""
