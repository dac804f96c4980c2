#include "events.h"

#include <string.h>

static const char name[] = "\"ts\":";
enum { name_length = sizeof name - 1 };

// Where the next message's time stands. Most are as far from the one before, or from the beginning of what they
// came in, as the last ones were, which spares the search.
static const char *find(const char *text, const char *end, size_t stride) {
  if (stride >= name_length && (size_t)(end - text) > stride && !memcmp(text + stride - name_length, name, name_length))
    return text + stride;
  text = memmem(text, (size_t)(end - text), name, name_length);
  return text ? text + name_length : NULL;
}

static const char *number_read(const char *text, const char *end, uint64_t *number) {
  *number = 0;
  while (text < end && *text >= '0' && *text <= '9') *number = *number * 10 + (uint64_t)(*text++ - '0');
  return text;
}

void events_read(
  const char *text, size_t length, void (*tell)(void *whose, const struct event *event), void *whose
) {
  static size_t first, stride;
  const char *begin = text, *end = text + length, *last = NULL;
  while ((text = find(text, end, last ? stride : first))) {
    if (last) stride = (size_t)(text - last);
    else first = (size_t)(text - begin);
    last = text;
    // 1234,"of":0,"n":1
    struct event event;
    uint64_t stream, number;
    text = number_read(text, end, &event.sent);
    if (end - text < 6) return;
    text = number_read(text + 6, end, &stream);
    if (end - text < 5) return;
    number_read(text + 5, end, &number);
    event.stream = (int)stream;
    event.number = (uint32_t)number;
    tell(whose, &event);
    text = last;
  }
}

int holds_ping(const char *text, size_t length) {
  if (length <= 3) return length >= 2 && !memcmp(text, "{}", 2);
  return !memcmp(text, "{}\n", 3) || !memcmp(text + length - 3, "\n{}", 3);
}

int occurrences(const char *text, size_t length, const char *of) {
  int count = 0;
  size_t size = strlen(of);
  for (const char *end = text + length; (text = memmem(text, (size_t)(end - text), of, size)); text += size) count++;
  return count;
}
