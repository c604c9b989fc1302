// Gradio brings all answers of a page in one stream, which it closes when none is due. A question that is asked while the end
// of the stream is on its way would never be answered, and every later one of its kind would wait for it: over a slow network
// that happens. Here the end is held back while a question is open, and the stream is opened anew for its answer.
(() => {
  const ask = window.fetch.bind(window);
  const open = new Set(); // questions without an answer
  const onTheWay = new Set(); // questions that the server has not taken yet

  async function join(...question) {
    const answer = ask(...question);
    const taken = answer
      .then((reply) => reply.clone().json())
      .then(({event_id}) => event_id && open.add(event_id), () => undefined); // refused: Gradio says so itself
    onTheWay.add(taken);
    await taken;
    onTheWay.delete(taken);
    return answer;
  }

  // hands on the messages of a stream but its end; returns that
  async function handOn(reader, page) {
    const decoder = new TextDecoder(), encoder = new TextEncoder();
    let rest = '';
    for (;;) {
      const {done, value} = await reader.read();
      if (done) return null;
      const messages = (rest + decoder.decode(value, {stream: true})).split('\n\n');
      rest = messages.pop();
      for (const text of messages) {
        const bytes = encoder.encode(text + '\n\n');
        const message = JSON.parse(text.replace(/^data: ?/, ''));
        if (message.msg === 'close_stream') return bytes;
        page.enqueue(bytes);
        if (message.msg === 'process_completed') open.delete(message.event_id);
      }
    }
  }

  async function listen(...request) {
    const first = await ask(...request);
    if (!first.ok || !first.body) return first;
    let reader = first.body.getReader();
    const body = new ReadableStream({
      async start(page) {
        try {
          for (;;) {
            const end = await handOn(reader, page);
            while (end && onTheWay.size) await Promise.all(onTheWay);
            if (!end || !open.size) {
              if (end) page.enqueue(end);
              page.close();
              return;
            }
            const next = await ask(...request);
            if (!next.ok) throw new Error(`the stream of answers: ${next.status}`);
            reader = next.body.getReader();
          }
        } catch (error) {
          open.clear();
          page.error(error);
        }
      },
      cancel: (reason) => reader.cancel(reason),
    });
    return new Response(body, {status: first.status, headers: first.headers});
  }

  window.fetch = (...question) => {
    const url = String(question[0]?.url ?? question[0]);
    if (url.includes('/queue/join')) return join(...question);
    return url.includes('/queue/data') ? listen(...question) : ask(...question);
  };
})();
