"""The library's texts in Simplified Chinese, by their English."""

CHINESE = {
    # every mail
    "Hello{% if person.first_name != '' %} {{ person.first_name }}{% endif %},": (
        "{% if person.first_name != '' %}{{ person.first_name }}，{% endif %}您好："
    ),
    "You get this email because you signed up at {{ shop.name }}.": (
        "您收到这封邮件，是因为您曾在 {{ shop.name }} 订阅。"
    ),
    "Unsubscribe": "退订",
    "Preferences": "偏好设置",
    "Visit the shop": "前往商店",
    "Quantity": "数量",
    "and more in your bag": "购物袋里还有更多商品",
    # welcome
    "Welcome to {{ shop.name }}: your 10% and where to begin": (
        "欢迎来到 {{ shop.name }}：九折礼遇与入门之选"
    ),
    "Your code is inside, with three things we picked for you.": (
        "专属优惠码在信中，另有三款为您挑选的产品。"
    ),
    "A good place to start": "从这里开始，刚刚好",
    "Skin that stays comfortable all day": "让肌肤整日水润舒适",
    "Clear skin, without the sting": "净澈肌肤，不必忍受刺激",
    "Gentle, and nothing you don't need": "温和，只留必需",
    "A little more bounce, every week": "一周一周，弹润可感",
    "Thank you for joining us. We make a small range of skincare, each thing"
    " with one job that it does well. Below are three that people come back for.": (
        "感谢您的加入。我们的产品不多，每一款只专注做好一件事。下面三款，是顾客们一再回购的心头好。"
    ),
    "Thank you for joining us. You told us that your skin could"
    " use more water. The trick is twofold: bring it in, then keep it there."
    " A watery serum on damp skin, a cream over it, morning and night."
    " Most people feel the difference within a few days.": (
        "感谢您的加入。您告诉我们，肌肤需要更多水分。秘诀有二：先补水，再锁水。"
        "早晚趁肌肤微湿时用清透精华，再覆上一层面霜，多数人几天便能感到不同。"
    ),
    "Thank you for joining us. You told us that blemishes are on"
    " your mind. Start slowly: one active at a time, two or three evenings a"
    " week, and a light moisturizer always. Skin that is not stripped calms"
    " down sooner. Give it four weeks before you judge.": (
        "感谢您的加入。您告诉我们，正为痘痘烦恼。请慢慢来：一次只用一种活性成分，"
        "每周两三个晚上，并始终搭配清爽的保湿。不过度清洁，肌肤反而更快恢复平静。请给它四周时间。"
    ),
    "Thank you for joining us. You told us that your skin reacts"
    " easily. So we kept the list short: no fragrance, few ingredients, each"
    " of them there for a reason. Try one new thing at a time, on the inside"
    " of your arm first.": (
        "感谢您的加入。您告诉我们，肌肤容易敏感。因此我们把配方做得很简短：不含香精，"
        "成分精简，每一种都有存在的理由。请一次只尝试一款，并先在手臂内侧试用。"
    ),
    "Thank you for joining us. You told us that you are looking"
    " for firmness. Peptides by day, a gentle retinal at night, and sunscreen"
    " every morning: that is most of the work. It takes about eight weeks,"
    " and it is worth the wait.": (
        "感谢您的加入。您告诉我们，想要更紧致的肌肤。白天用胜肽，晚上用温和的视黄醛，"
        "每天早晨涂防晒：做到这些，便已完成大半。大约需要八周，值得等待。"
    ),
    "Picked for you": "为您挑选",
    "**10% off your first order**": "**首单九折**",
    "Enter it at checkout. The code is yours alone and works once.": (
        "结账时输入即可。此码为您专属，限用一次。"
    ),
    "Shop with 10% off": "九折选购",
    "Not sure where to begin? Just reply, and a person will answer.": (
        "不知从何选起？直接回复邮件，会有真人为您解答。"
    ),
    # reminders
    "You left something in your bag": "您的购物袋里还有东西",
    "We kept it for you. Pick up where you stopped.": "我们替您留着，随时可以继续。",
    "We kept your bag for you": "您的购物袋，我们替您留着",
    "You were nearly there. Everything you chose is still waiting, just as you left it.": (
        "只差一步了。您挑选的商品都还在，原样为您保留。"
    ),
    "Return to checkout": "返回结账",
    "Did something not work? Reply to this email and we will sort it out.": (
        "结账时遇到问题？回复这封邮件，我们来解决。"
    ),
    "Still thinking it over?": "还在考虑吗？",
    "Easy returns, and real people if you have a question.": "退货方便，有疑问也有真人解答。",
    "Take your time": "不着急，慢慢选",
    "Your bag is still here. In case a question is holding you back, these"
    " are the ones we hear most.": "您的购物袋还在。若您有所顾虑，以下是大家最常问的问题。",
    "**What if it doesn't suit me?**\nSend it back. Our"
    " [returns policy]({{ shop.url }}/policies/refund-policy) explains how, in"
    " plain words.": (
        "**不适合我怎么办？**\n可以退货。我们的[退货政策]({{ shop.url }}/policies/refund-policy)"
        "用简明的话写清了步骤。"
    ),
    "**Is it right for my skin?**\nReply to this email and tell us a little"
    " about your skin. A person reads every message and will say so if something"
    " else fits you better.": (
        "**适合我的肤质吗？**\n回复这封邮件，简单说说您的肤质。每封来信都有真人阅读；"
        "若有更适合您的，我们会如实相告。"
    ),
    "This is our last reminder about this bag.": "关于这个购物袋，这是我们最后一次提醒。",
    # asks
    "Please confirm your email address": "请确认您的邮箱地址",
    "One click, and you are on the list.": "只需点击一次，即可完成订阅。",
    "One more step": "还差一步",
    "Somebody, hopefully you, signed up at {{ shop.name }} with this address. Please confirm that"
    " you would like our emails. Until then we send you nothing else.": (
        "有人（希望是您本人）用此邮箱在 {{ shop.name }} 订阅。请确认您愿意接收我们的邮件；"
        "在您确认之前，我们不会再发送其他邮件。"
    ),
    "Confirm my address": "确认我的邮箱",
    "The button works once, for seven days. If it was not you, do nothing: you will not hear from"
    " us.": ("按钮七天内有效，仅可使用一次。若非您本人操作，请忽略此邮件，我们不会再打扰您。"),
    "A copy of your data": "您的数据副本",
    "It is ready for you to download.": "已准备好，可以下载。",
    "The copy of your data is ready": "您的数据副本已备好",
    "You asked {{ shop.name }} for a copy of what is kept about you. It is a file in JSON, which"
    " any text editor opens.": (
        "您曾向 {{ shop.name }} 索取所保存的个人数据副本。"
        "这是一个 JSON 文件，用任何文本编辑器都能打开。"
    ),
    "Go to the download": "前往下载",
    "The button works once, for seven days. If it was not you who asked, do nothing.": (
        "按钮七天内有效，仅可使用一次。若非您本人提出，请忽略此邮件。"
    ),
    "Shall we forget you?": "要我们忘记您吗？",
    "One click, and everything about you is erased.": "点击一次，您的全部数据即被删除。",
    "You asked {{ shop.name }} to forget you. Then your profile, what you looked at and what we"
    " wrote to you are erased for good. What the law asks the shop to keep of an order stays,"
    " without your name.": (
        "您曾要求 {{ shop.name }} 忘记您。确认后，您的资料、浏览记录以及我们发给您的消息"
        "将被永久删除。"
        "法律要求商店保留的订单信息会保留，但不含您的姓名。"
    ),
    "Continue": "继续",
}
