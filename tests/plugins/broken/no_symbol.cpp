// A library without an entry function.
int kvern_no_symbol() { return 0; }
