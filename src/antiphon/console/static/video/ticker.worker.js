// A timer that browsers do not slow down while the page is hidden, as it is when one shares another window.
onmessage = ({ data: { id, delay } }) => setTimeout(() => postMessage(id), delay);
