/** Pages that use the bundled verifier and post what they saw; nothing in them knows Node. */

const reporting = (body: string): string => `
  try {
    ${body.trim()}
  } catch (error) {
    await fetch('./report', { method: 'POST', body: JSON.stringify({ failure: error.stack }) });
  }
`;

/** Asks the bundle for every answer in the file, in the page itself. */
export const VECTORS_PAGE = `<!doctype html><script type="module">${reporting(`
    const { verify } = await import('./kadre-verify.js');
    const { answersOf } = await import('./vector-file.js');
    const vectors = await (await fetch('./certificate.json')).json();
    const answers = await answersOf(vectors, verify);
    const body = JSON.stringify({ answers, agent: navigator.userAgent });
    await fetch('./report', { method: 'POST', body });
`)}</script>`;

/** Gives the page of the documentation one file after another, as a hand would. */
export const DROP_PAGE = `<!doctype html><iframe src="./verify.html"></iframe>
<script type="module">${reporting(`
    const frame = document.querySelector('iframe');
    await new Promise((resolve) => frame.addEventListener('load', resolve, { once: true }));
    const { contentDocument: page, contentWindow: world } = frame;
    const [input, output] = ['input', 'output'].map((name) => page.querySelector(name));
    const changed = () => new Promise((resolve, reject) => {
      world.addEventListener('unhandledrejection', ({ reason }) => reject(reason), { once: true });
      const observer = new MutationObserver(() => { observer.disconnect(); resolve(); });
      observer.observe(output, { attributes: true });
    });
    if (output.dataset.state !== 'ready') await changed();
    const seen = [];
    const give = async (name, how) => {
      const dataTransfer = new world.DataTransfer();
      const content = await (await fetch('./' + name)).arrayBuffer();
      dataTransfer.items.add(new world.File([content], name));
      const done = changed();
      how(dataTransfer);
      await done;
      seen.push({ state: output.dataset.state, text: output.textContent });
    };
    await give('good.kadre', (dataTransfer) => {
      world.dispatchEvent(new world.DragEvent('drop', { dataTransfer }));
    });
    await give('bad.kadre', ({ files }) => {
      input.files = files;
      input.dispatchEvent(new Event('change'));
    });
    await give('chain.kadre', (dataTransfer) => {
      world.dispatchEvent(new world.DragEvent('drop', { dataTransfer }));
    });
    await fetch('./report', { method: 'POST', body: JSON.stringify(seen) });
`)}</script>`;
