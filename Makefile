all:
	gcc -std=c11
