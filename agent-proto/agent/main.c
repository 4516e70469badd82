#include "agent/agent.h"
int main(void)
{
	return 0;
}
