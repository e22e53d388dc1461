/* The mode of the shim that a foreground command becomes. */
#ifndef MYDOCKER_FRONT_H
#define MYDOCKER_FRONT_H

#include "shim.h"

COLD int front_main(int argc, char **argv);

#endif
