/*
 * Growing the buffer of a sink.
 */
#include "decoder/sink.h"

void crit_sink_grow(struct crit_sink *s, size_t n)
{
	if (!s->out)
		return;
	if (!s->out->error) {
		s->out->len = s->at;
		if (crit_buf_grow(s->out, n)) {
			s->data = s->out->data;
			s->cap = s->out->cap;
			return;
		}
	}
	s->data = NULL;
	s->cap = SIZE_MAX;
}
